class Call
  def on_request(req)
    Sluice.call("user.v1.UserService/SayHello", {"name" => "called"})
  end
end

Call.new
