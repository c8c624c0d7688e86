# Sends calls of some tenants to upstreams of their own, and a share of all others to a canary.
#
# x-tenant names the tenant. x-canary: always or never overrides the share. Without it a caller stays
# on one side, by x-session or else by address. CANARY_PERCENT in the environment: the share, 10.

class TenantRouting
  def initialize(tenants:, stable:, canary:, percent:)
    @tenants = tenants
    @stable = stable
    @canary = canary
    @percent = percent
    @calls = {}
    (tenants.values + [stable, canary]).each do |upstream|
      @calls[upstream] = Sluice.counter("routed_calls_total", {"upstream" => upstream},
                                        help: "Calls by the upstream that a hook chose.")
    end
  end

  def on_request(req)
    upstream = @tenants[req.headers["x-tenant"]] || (canary?(req) ? @canary : @stable)
    req.upstream = upstream
    req.ctx["routed_to"] = upstream
    @calls[upstream].increment
  end

  def on_response(req, res)
    res.headers["x-routed-to"] = req.ctx["routed_to"]
  end

  private

  def canary?(req)
    case req.headers["x-canary"]
    when /\Aalways\z/i then true
    when /\Anever\z/i then false
    else share_of(req.headers["x-session"] || req.remote_addr) < @percent
    end
  end

  # From 0 to 99, always the same for the same text.
  def share_of(text)
    Digest::SHA256.digest(text).unpack("N")[0] % 100
  end
end

TenantRouting.new(tenants: {"acme" => "user-service-acme"},
                  stable: "user-service",
                  canary: "user-service-canary",
                  percent: Sluice.env.fetch("CANARY_PERCENT", "10").to_i)
