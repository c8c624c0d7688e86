class ReadField
  def on_request(req)
    raise "no name" unless req.message["name"]
  end
end

ReadField.new
