-- Sends the bodies that BODIES lists, one after the other, and prints one JSON line at the end.
local bodies = {}
for path in io.open(os.getenv("BODIES")):lines() do
  local file = io.open(path, "rb")
  bodies[#bodies + 1] = file:read("*a")
  file:close()
end
local requests, following = {}, 0
function init()
  for number, body in ipairs(bodies) do
    requests[number] = wrk.format("POST", nil, { ["Content-Type"] = os.getenv("CONTENT_TYPE") }, body)
  end
end
function request()
  following = following % #requests + 1
  return requests[following]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
