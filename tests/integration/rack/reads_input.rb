Proc.new do |env|
  input = env["rack.input"]
  parts = input ? [input.read(2), input.read] : ["none"]
  if input
    input.rewind
    parts << JSON.parse(input.read)["a"].to_s
  end
  [200, {}, [JSON.generate(parts)]]
end
