class ResponseHeader
  def on_response(req, res)
    res.headers["x-bench"] = "1"
  end
end

ResponseHeader.new
