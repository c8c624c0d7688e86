# What is wrong with a hook, one by one, and that it goes on after it.
class Broken
  def each
    raise "no headers"
  end
end

class Raises
  def initialize
    @calls = 0
  end

  def call(env)
    @calls += 1
    case env["QUERY_STRING"]
    when "exception" then raise "not today"
    when "name" then no_such_method
    when "no%20array" then "text"
    when "range" then [1000, {}, []]
    when "headers" then [200, ["x"], []]
    when "each" then [200, Broken.new, []]
    else [200, {}, ["#{@calls} calls"]]
    end
  end
end

Raises.new
