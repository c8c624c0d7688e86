class RequestHeader
  def on_request(req)
    req.headers["x-bench"] = "1"
  end
end

RequestHeader.new
