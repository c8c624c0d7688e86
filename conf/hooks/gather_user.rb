# One answer out of three services: a user with orders and payments, all asked at once.
#
# Without the user there is none, but the error; orders or payments that cannot be had are null.

class GatherUser
  NOT_FOUND = 5
  # Of the user, to callers without the scope users.personal.
  SHOWN = %w[id username created_at]

  def on_request(req)
    id = req.params["id"]
    user, orders, payments = Sluice.all(
      -> { Sluice.call("user.v1.UserService/GetUser", {"id" => id}, timeout: 1.0) },
      -> { optional("order.v1.OrderService/ListOrders", id) },
      -> { optional("payment.v1.PaymentService/ListPayments", id) }
    )
    answer(req, 200, in_camel_case("user" => shown(req, user["user"]),
                                   "orders" => orders && (orders["orders"] || []),
                                   "payments" => payments && (payments["payments"] || [])))
  rescue Sluice::RPCError => error
    answer(req, error.code == NOT_FOUND ? 404 : 503,
           "code" => error.code, "message" => error.message, "details" => error.details)
  end

  private

  def answer(req, status, value)
    req.reply(status, headers: {"content-type" => "application/json"}, body: JSON.generate(value))
  end

  def optional(method, user_id)
    Sluice.call(method, {"user_id" => user_id, "limit" => 5}, timeout: 0.5)
  rescue Sluice::RPCError => error
    Sluice.log(:warn, "gathered without #{method}", code: error.code, message: error.message)
    nil
  end

  def shown(req, user)
    return user if (req.ctx["scopes"] || "").split.include?("users.personal")
    user.select { |name, _| SHOWN.include?(name) }
  end

  # Names as everywhere else in answers: created_at is createdAt.
  def in_camel_case(value)
    case value
    when Hash
      value.map { |name, field| [name.gsub(/_([a-z])/) { $1.upcase }, in_camel_case(field)] }.to_h
    when Array then value.map { |element| in_camel_case(element) }
    else value
    end
  end
end

GatherUser.new
