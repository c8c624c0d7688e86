# Access control by a header: on with the next, or a refusal.
lambda do |env|
  return [399, {}, []] if env["HTTP_X_KEY"] == "open sesame"
  [403, {"content-type" => "text/plain", "x-reason" => "no key"}, ["access ", "forbidden\n"]]
end
