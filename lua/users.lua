-- Creates and reads users, for wrk.
--
--   wrk -t2 -c64 -d10s -s lua/users.lua http://127.0.0.1:8080 [-- READS [USERS]]
--
-- READS is the share of reads, 0 to 1 (0.9). USERS is how many users each thread makes first and then
-- reads at random (100).

local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

-- From here to done() is a thread's own: wrk gives each its own Lua state. Globals are what done() asks for.

local json = { ["Content-Type"] = "application/json" }
local ids, known = {}, {}
local reads, users, run

function init(args)
    reads = tonumber(args[1] or "0.9")
    users = tonumber(args[2] or "100")
    assert(reads and reads >= 0 and reads <= 1, "READS is a number from 0 to 1")
    assert(users and users >= 1, "USERS is a number of at least 1")
    math.randomseed(os.time() + number)
    run = string.format("%x-%x-%x", os.time(), math.random(0, 0xffff), number) -- no other run has these names
    creates, gets, failures = 0, 0, 0
end

local function create()
    creates = creates + 1
    local name = run .. "-" .. creates
    local body = string.format(
        '{"username":"%s","email":"%s@example.com","fullName":"User %d","age":%d}',
        name, name, creates, 18 + creates % 60)
    return wrk.format("POST", "/v1/users", json, body)
end

function request()
    if #ids < users or math.random() >= reads then
        return create()
    end
    gets = gets + 1
    return wrk.format("GET", "/v1/users/" .. ids[math.random(#ids)])
end

-- A thread has many connections, so it cannot tell which request an answer belongs to. While it collects
-- ids that does not matter: whatever is not known yet was just made.
function response(status, _, body)
    if status ~= 200 then
        failures = failures + 1
    elseif #ids < users then
        local id = string.match(body, '"id":%s*"([%x-]+)"')
        if id and not known[id] then
            known[id] = true
            table.insert(ids, id)
        end
    end
end

function done(summary, latency)
    local total = { creates = 0, gets = 0, failures = 0 }
    for _, thread in ipairs(threads) do
        for name, sum in pairs(total) do
            total[name] = sum + thread:get(name)
        end
    end
    io.write(string.format("%d creates, %d reads, %d answers other than 200\n",
        total.creates, total.gets, total.failures))
    io.write(string.format("%.0f requests/s; latency p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms\n",
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
        latency:percentile(90) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
    local errors = summary.errors
    io.write(string.format("socket errors: connect %d, read %d, write %d, timeout %d\n",
        errors.connect, errors.read, errors.write, errors.timeout))
end
