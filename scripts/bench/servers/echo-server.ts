// The least that a webhook can cost: a bare node:https server that reads a JSON body and answers with a JSON text as long as a
// verdict.
import { constants } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

const [certificateFile = "", keyFile = "", answerLength = "0"] = process.argv.slice(2);
const options = {
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  secureOptions: constants.SSL_OP_NO_TICKET,
  ALPNProtocols: ["http/1.1"],
};
const padding = "x".repeat(
  Math.max(0, Number(answerLength) - JSON.stringify({ kind: "SubjectAccessReview", padding: "" }).length),
);
const server = createServer(options, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { kind } = JSON.parse(Buffer.concat(chunks).toString()) as { kind: string };
    const text = JSON.stringify({ kind, padding });
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  process.stdout.write(`ready https://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
