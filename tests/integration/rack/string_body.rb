# A text for a body has to have each.
class String
  def each
    yield self
  end
end

Proc.new { |env| [200, {"content-type" => "text/plain"}, "one text\n"] }
