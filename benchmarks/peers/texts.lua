-- One text a request, in turn, from a file of JSON bodies, one a line; figures as JSON at the end.
-- wrk -s texts.lua URL -- BODIES

local requests, turn = {}, 0

function init(args)
   wrk.method = "POST"
   wrk.headers["content-type"] = "application/json"
   for body in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format(nil, nil, nil, body)
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\nFIGURES {"requests": %d, "microseconds": %d, "p50_us": %.1f, "p99_us": %.1f, ' ..
      '"max_us": %.1f, "connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      latency.max, errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
