// An HTTP client that keeps its connection, as an AWS SDK does, and says when it is closed.
//
// Argument: HOST:PORT. Orders on stdin, one a line:
//   get PATH        answered by what came back ("failed: …" if nothing did)
//   keep PATH MS N  as `get`, N times, MS apart; answered by the different answers
// A connection that ends is told by a line "closed".
import console from "node:console";
import http from "node:http";
import process from "node:process";
import readline from "node:readline";
import { setTimeout } from "node:timers";

const [host, port] = process.argv[2].split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function get(path) {
  return new Promise((resolve) => {
    const request = http.get({ host, port, path, agent }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(body));
    });
    request.on("socket", (socket) => {
      if (socket.listenerCount("close", told) === 0) socket.on("close", told);
    });
    request.on("error", (error) => resolve(`failed: ${error.message}`));
  });
}

function told() {
  console.log("closed");
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [order, path, milliseconds, times] = line.split(" ");
  const answers = new Set();
  for (let time = 0; time < (order === "keep" ? Number(times) : 1); time += 1) {
    if (time > 0) await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)));
    answers.add(await get(path));
  }
  console.log([...answers].join());
}
process.exit(0);
