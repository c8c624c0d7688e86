class Pairs
  def each
    yield ["x-one", "1"]
    yield ["x-two", "2\n3"]
  end
end

Proc.new do |env|
  pairs = [["x-one", "1"], ["x-two", "2"], ["x-two", "3"]]
  [200, env["QUERY_STRING"] == "array" ? pairs : Pairs.new, ["ok"]]
end
