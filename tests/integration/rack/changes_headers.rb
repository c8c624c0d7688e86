# Falls through, with variables for what comes after and headers for the answer.
Proc.new do |env|
  [399, {"x-fallthru-set-caller-name" => "alice #{env["HTTP_X_TEAM"]}",
         "X-FallThru-Set-POSTDATA" => "1",
         "cache-control" => "max-age=60",
         "set-cookie" => "a=1\nb=2"}, ["not shown"]]
end
