-- One argument: same | distinct | upload. Prints one line for bench/load.py.

function init(args)
  if args[1] == "upload" then
    wrk.method = "POST"
    wrk.body = string.rep("x", 16384)
  elseif args[1] == "distinct" then
    local head, tail, n = "GET /r/", " HTTP/1.1\r\n", 0
    for name, value in pairs(wrk.headers) do
      tail = tail .. name .. ": " .. value .. "\r\n"
    end
    tail = tail .. "\r\n"
    request = function()
      n = n + 1
      return head .. n .. tail
    end
  end
end

function done(summary)
  local e = summary.errors
  io.write(string.format("bench requests=%d microseconds=%d connect=%d read=%d write=%d status=%d timeout=%d\n",
    summary.requests, summary.duration, e.connect, e.read, e.write, e.status, e.timeout))
end
