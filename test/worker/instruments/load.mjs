// Asks 169.254.169.254:80 all the time, each time on a fresh connection, until stdin ends; then
// prints what was answered how often, and every failure. Over a second is a failure: that is the
// limit of the AWS SDKs. No retries: what a client would paper over is counted here.
import console from "node:console";
import http from "node:http";
import process from "node:process";
import { setTimeout } from "node:timers";

const answers = {};
const failures = [];
let going = true;
process.stdin.on("end", () => (going = false)).resume();

function ask() {
  return new Promise((resolve) => {
    const request = http.get(
      { host: "169.254.169.254", path: "/latest/meta-data/", agent: false, timeout: 1000 },
      (response) => {
        let body = "";
        response.on("data", (data) => (body += data));
        response.on("end", () => {
          answers[body] = (answers[body] ?? 0) + 1;
          resolve();
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer within a second")));
    request.on("error", (error) => {
      failures.push(error.message);
      resolve();
    });
  });
}

await ask();
console.log("ready");
while (going) {
  await ask();
  // Leaves the processor to others: some hundred requests a second are enough.
  await new Promise((resolve) => setTimeout(resolve, 2));
}
console.log(JSON.stringify({ answers, failures }));
