-- What wrk asks of either service: `wrk -t 1 … -s throughput.lua URL -- FOLDER RUN CALL=SHARE …`.
--
-- FOLDER has what Python has prepared: `logins` and `tokens`, one account a line, and `avatar`. RUN
-- is a number that makes the addresses of sign-ups new. The calls take turns by their shares. In the end, prints how
-- many were answered with each status, how fast, and how long they took.

local threads, logins, tokens = {}, {}, {}
local avatar, run, order
local sent, signed_up = 0, 0
statuses = {}

local json = { ["Content-Type"] = "application/json" }
local form = { ["Content-Type"] = "multipart/form-data; boundary=boundary" }

-- Each call goes to the next account, so that nobody logs in twice at once.
local calls = {
   create_user = function()
      signed_up = signed_up + 1
      local body = '{"email":"%s-%d@test.com","password":"a password of the benchmark"}'
      return wrk.format("POST", "/create_user/", json, body:format(run, signed_up))
   end,
   obtain_token = function(account)
      return wrk.format("POST", "/obtain_token/", json, logins[account])
   end,
   get_profile = function(account)
      return wrk.format("GET", "/get_profile/", { Authorization = "JWT " .. tokens[account] })
   end,
   rename = function(account)
      local headers = { ["Content-Type"] = "application/json", Authorization = "JWT " .. tokens[account] }
      return wrk.format("PUT", "/update_profile/", headers, '{"first_name":"Name ' .. sent .. '"}')
   end,
   upload = function(account)
      local headers = { ["Content-Type"] = form["Content-Type"], Authorization = "JWT " .. tokens[account] }
      return wrk.format("PUT", "/update_profile/", headers, avatar)
   end,
}

function setup(thread)
   table.insert(threads, thread)
end

function init(arguments)
   local folder = table.remove(arguments, 1)
   run = table.remove(arguments, 1)
   for line in io.lines(folder .. "/logins") do table.insert(logins, line) end
   for line in io.lines(folder .. "/tokens") do table.insert(tokens, line) end
   local file = io.open(folder .. "/avatar", "rb")
   avatar = "--boundary\r\n"
      .. 'Content-Disposition: form-data; name="avatar"; filename="avatar.png"\r\n\r\n'
      .. file:read("*a") .. "\r\n--boundary--\r\n"
   file:close()
   order = turns(arguments)
   -- Not always at the first account: a log-in that the end of a run cuts off counts as failed.
   sent = run * 7919 % #tokens
end

-- The calls in an order that spreads each evenly.
function turns(arguments)
   local shares, owed, total, list = {}, {}, 0, {}
   for _, argument in ipairs(arguments) do
      local name, share = argument:match("^([%a_]+)=(%d+)$")
      shares[name], owed[name], total = tonumber(share), 0, total + share
   end
   for _ = 1, total do
      local next
      for name, share in pairs(shares) do
         owed[name] = owed[name] + share
         if not next or owed[name] > owed[next] then next = name end
      end
      owed[next] = owed[next] - total
      table.insert(list, next)
   end
   return list
end

function request()
   sent = sent + 1
   return calls[order[sent % #order + 1]](sent % #tokens + 1)
end

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
   local counts = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("statuses")) do
         table.insert(counts, ('"%d": %d'):format(status, count))
      end
   end
   local errors = summary.errors
   print(('{"statuses": {%s}, "broken": %d, "per_second": %f, "p50_ms": %f, "p99_ms": %f}'):format(
      table.concat(counts, ", "),
      errors.connect + errors.read + errors.write + errors.timeout,
      summary.requests / summary.duration * 1e6,
      latency:percentile(50) / 1e3,
      latency:percentile(99) / 1e3
   ))
end
