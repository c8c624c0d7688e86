# Behind every other: what it is given.
names = %w[REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING HTTP_HOST REMOTE_ADDR SERVER_ADDR SERVER_PORT
           SERVER_PROTOCOL CONTENT_LENGTH CONTENT_TYPE CALLER_NAME POSTDATA HTTP_X_TEAM HTTP_ACCEPT
           rack.url_scheme rack.multithread rack.multiprocess rack.run_once rack.hijack?]

Proc.new do |env|
  [200, {"content-type" => "text/plain"}, names.map { |name| "#{name}=#{env[name].inspect}\n" }]
end
