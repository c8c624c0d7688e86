# As in h2o's examples: an object with call.
class HelloApp
  def call(env)
    agent = env["HTTP_USER_AGENT"]
    message = ["User-Agent:#{agent}", "path:#{env["PATH_INFO"]}", "method:#{env["REQUEST_METHOD"]}",
               "query:#{env["QUERY_STRING"]}", "cookies:#{env["HTTP_COOKIE"]}"].join(" ")
    [200, {"content-type" => "text/plain; charset=utf-8", "x-agent" => "new-#{agent}"}, ["#{message}\n"]]
  end
end

HelloApp.new
