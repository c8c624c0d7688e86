# What of the library of hooks is Ruby. Names that begin with __ are for this file and for C.

module Sluice
  class RPCError < StandardError
    attr_reader :code, :details

    def initialize(code, message, details)
      super(message)
      @code = code
      @details = details
    end
  end

  # Ends a hook whose request cannot be served; not for hooks to rescue.
  class Halt < Exception
  end

  STATUS_FALL_THROUGH = 399

  def self.call(method, message = {}, timeout: nil, upstream: nil, metadata: {})
    answer = __call(method, message, timeout, upstream, metadata)
    raise answer if RPCError === answer
    answer
  end

  def self.all(*procs)
    values = Array.new(procs.size)
    errors = Array.new(procs.size)
    __all(procs, values, errors) unless procs.empty?
    errors.each { |error| raise error if error }
    values
  end

  def self.log(level, text, **fields)
    pairs = []
    fields.each do |name, value|
      case value
      when String, Integer, Float, true, false, nil
      else
        value = value.inspect
      end
      pairs << name.to_s << value
    end
    __log(level.to_s, text.to_s, pairs)
  end

  # Fields of a request or an answer; values of one name are joined.
  class Fields
    include Enumerable

    def each
      to_a.each { |pair| yield pair[0], pair[1] }
      self
    end

    def to_h
      hash = {}
      to_a.each { |pair| hash[pair[0]] = self[pair[0]] }
      hash
    end

    def keys
      to_h.keys
    end

    def empty?
      to_a.empty?
    end

    def inspect
      to_h.inspect
    end
  end

  class Request
    def reply(status, headers: {}, body: nil, message: nil)
      raise ArgumentError, "body and message, expected one or the other" if body && message
      __reply(status, Sluice.__pairs(headers), body, message)
    end
  end

  # What a Proc in libh2o's convention reads a body from.
  class Input
    def initialize(text)
      @text = text
      @at = 0
    end

    def read(length = nil, buffer = nil)
      rest = @text.bytesize - @at
      return (length && length > 0 ? nil : "") if rest <= 0
      length = rest if length.nil? || length > rest
      part = @text.byteslice(@at, length)
      @at += length
      buffer ? buffer.replace(part) : part
    end

    def gets
      return nil if @at >= @text.bytesize
      rest = @text.byteslice(@at, @text.bytesize - @at)
      line_end = rest.index("\n")
      line = line_end ? rest[0, line_end + 1] : rest
      @at += line.bytesize
      line
    end

    def each
      while line = gets
        yield line
      end
    end

    def rewind
      @at = 0
    end
  end

  # $stdout and $stderr.
  class Output
    def initialize(level)
      @level = level
    end

    def write(*texts)
      texts.each { |text| Sluice.log(@level, text.to_s.chomp) }
      nil
    end

    def puts(*texts)
      texts.flatten.each { |text| Sluice.log(@level, text) }
      nil
    end

    def print(*texts)
      write(texts.join)
    end

    def <<(text)
      write(text)
      self
    end

    def flush
      self
    end
  end

  # [[name, value], ...] of a Hash, an Array of pairs, or anything with each; a value of several
  # lines is several values.
  def self.__pairs(headers)
    pairs = []
    add = ->(name, value) do
      lines = value.to_s.split("\n", -1)
      lines = [""] if lines.empty?
      lines.each { |line| pairs << [name.to_s, line] }
    end
    if Hash === headers
      headers.each { |name, value| add.call(name, value) }
    else
      headers.each do |pair|
        raise ArgumentError, "array element of headers MUST by an array" unless Array === pair
        add.call(pair[0], pair[1])
      end
    end
    pairs
  end

  def self.__body(body)
    text = ""
    case body
    when nil
    when String
      text << body
    when Array
      body.each { |part| text << part.to_s }
    else
      begin
        body.each { |part| text << part }
      ensure
        body.close if body.respond_to?(:close)
      end
    end
    text
  end

  def self.__rack(app, request)
    answer = app.call(request.__env)
    raise "rack app did not return an array" unless Array === answer
    status = answer[0].to_i
    raise "status returned from rack app is out of range" unless status >= 100 && status <= 999
    pairs = __pairs(answer[1])
    if status == STATUS_FALL_THROUGH
      request.__fall_through(pairs)
    else
      request.__answer(status, pairs, __body(answer[2]))
    end
  end

  # By enum gw_hook_step.
  def self.__steps
    [
      ->(hook, request) { hook.on_request(request); nil },
      ->(hook, request) { hook.on_response(request, request.__response); nil },
      ->(hook, request) { hook.on_error(request, request.__error); nil },
      ->(app, request) { __rack(app, request); nil },
      ->(proc, position) { __value(proc.call); nil },
    ]
  end

  # A fiber runs one step after another. What it yields itself, not a step of it, is `done`.
  def self.__new_fiber(done)
    -> do
      Fiber.new do |step, a, b|
        while true
          begin
            step.call(a, b)
          rescue Exception => e
            __raised(e)
          end
          step = a = b = e = nil
          step, a, b = Fiber.yield(done)
        end
      end
    end
  end

  # What a file may be: its phases, or nil.
  def self.__kind(hook)
    return -1 if hook.respond_to?(:call)
    phases = 0
    phases += 1 if hook.respond_to?(:on_request)
    phases += 2 if hook.respond_to?(:on_response)
    phases += 4 if hook.respond_to?(:on_error)
    phases
  end
end

$stdout = Sluice::Output.new(:info)
$stderr = Sluice::Output.new(:error)

module Kernel
  def puts(*texts)
    $stdout.puts(*texts)
  end

  def print(*texts)
    $stdout.print(*texts)
  end

  def p(*values)
    values.each { |value| $stdout.puts(value.inspect) }
    values.size < 2 ? values[0] : values
  end

  def printf(*args)
    $stdout.write(sprintf(*args))
  end
end
