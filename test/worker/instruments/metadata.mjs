// Stands where EC2's metadata service stands, for the one question that a booting node asks it,
// and for what a pod must not get from it. It is an instrument of the tests, after
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
//
// Arguments: ADDRESS MODE. Modes: required (version 2 only), optional (1 and 2), off (404 for all).
import console from "node:console";
import http from "node:http";
import process from "node:process";

const [address, mode] = process.argv.slice(2);
const token = "the-token";

http
  .createServer((request, response) => {
    const answer = (status, body = "") => {
      response.statusCode = status;
      response.end(body);
    };
    if (mode === "off") return answer(404);
    if (request.method === "PUT" && request.url === "/latest/api/token") {
      const ttl = Number(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      return answer(ttl >= 1 && ttl <= 21600 ? 200 : 400, token);
    }
    const given = request.headers["x-aws-ec2-metadata-token"];
    if (given === undefined ? mode === "required" : given !== token) return answer(401);
    if (request.url === "/latest/meta-data/local-ipv4") return answer(200, address);
    return answer(200, "the node's own role");
  })
  .listen(80, "169.254.169.254", () => console.log("ready"));
