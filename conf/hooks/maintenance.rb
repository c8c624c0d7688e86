# Answers 503 for paths that are under maintenance.
#
# In the environment: MAINTENANCE, the paths, separated by spaces (/ is all of them; none: nothing
# is under maintenance), each with what is below it; MAINTENANCE_RETRY_AFTER, seconds, 120;
# MAINTENANCE_ALLOW, addresses of clients that are let through.

class Maintenance
  def initialize(paths:, retry_after:, allowed:)
    unless paths.empty?
      below = paths.map { |path| Regexp.escape(path.gsub(/\/+\z/, "")) }.join("|")
      @closed = Regexp.new("\\A(?:#{below})(?:/|:|\\z)")
    end
    @allowed = allowed
    @headers = {"content-type" => "application/json", "retry-after" => retry_after}
    @body = JSON.generate({"code" => 14, "message" => "under maintenance", "details" => []})
  end

  # The route's template rather than the path, in which a letter may be escaped.
  def on_request(req)
    return unless @closed && @closed.match?(req.route || req.path)
    req.reply(503, headers: @headers, body: @body) unless @allowed.include?(req.remote_addr)
  end
end

Maintenance.new(paths: Sluice.env.fetch("MAINTENANCE", "").split,
                retry_after: Sluice.env.fetch("MAINTENANCE_RETRY_AFTER", "120"),
                allowed: Sluice.env.fetch("MAINTENANCE_ALLOW", "").split)
