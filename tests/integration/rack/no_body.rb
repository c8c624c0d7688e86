Proc.new do |env|
  case env["QUERY_STRING"]
  when "204" then [204, {}, ["not shown"]]
  when "304" then [304, {"etag" => "\"1\""}, ["not shown"]]
  else [200, {}, nil]
  end
end
