class ChangeField
  def on_request(req)
    req.message["name"] = "changed"
  end
end

ChangeField.new
