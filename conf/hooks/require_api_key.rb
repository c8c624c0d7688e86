# Lets callers with a key in, and says who they are.
#
# API_KEYS in the environment: NAME:KEY or NAME:KEY:SCOPE,SCOPE..., separated by spaces.

class RequireApiKey
  Client = Struct.new(:name, :key, :scopes)

  def initialize(text)
    @clients = text.split.map do |entry|
      name, key, scopes = entry.split(":", 3)
      raise ArgumentError, "API_KEYS: expected NAME:KEY, found #{name}" if key.nil? || key.empty?
      Client.new(name, key, (scopes || "").gsub(",", " "))
    end
    @refused = Sluice.counter("api_key_refused_total", help: "Calls without a key that is known.")
  end

  def on_request(req)
    key = req.headers["x-api-key"]
    client = key && find(key)
    return refuse(req, key) unless client
    req.ctx["client"] = client.name
    req.ctx["scopes"] = client.scopes
    req.metadata["x-client"] = client.name
  end

  private

  # All of them, each in constant time: how long it takes says nothing about any.
  def find(key)
    found = nil
    @clients.each { |client| found = client if Sluice.secure_compare(client.key, key) }
    found
  end

  def refuse(req, key)
    @refused.increment
    message = key ? "the key in x-api-key is not known" : "a key is required in x-api-key"
    req.reply(401, headers: {"content-type" => "application/json"},
                   body: JSON.generate({"code" => 16, "message" => message, "details" => []}))
  end
end

RequireApiKey.new(Sluice.env.fetch("API_KEYS", ""))
