# Leaves fields of the answer out for callers without a scope, which require_api_key.rb has found.

class RedactFields
  # paths: fields of the answers that this is for; a field that an answer lacks is none of its.
  def initialize(scope, paths)
    @scope = scope
    @paths = paths.map { |path| path.split(".") }
  end

  def on_response(req, res)
    return if (req.ctx["scopes"] || "").split.include?(@scope)
    message = res.message
    @paths.each { |path| redact(message, path, 0) } if message
  end

  private

  def redact(value, path, depth)
    case value
    when Array
      value.each { |element| redact(element, path, depth) }
    when Hash
      name = path[depth]
      depth == path.size - 1 ? value.delete(name) : redact(value[name], path, depth + 1)
    end
  end
end

RedactFields.new("users.personal", %w[user.email user.full_name user.age
                                      users.email users.full_name users.age])
