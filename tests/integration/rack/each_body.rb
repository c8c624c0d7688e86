class Lines
  @open = 0
  class << self
    attr_accessor :open
  end

  def initialize
    Lines.open += 1
  end

  def each
    yield "open: #{Lines.open}\n"
    3.times { |i| yield "line #{i}\n" }
  end

  def close
    Lines.open -= 1
  end
end

Proc.new { |env| [200, {"content-type" => "text/plain"}, Lines.new] }
