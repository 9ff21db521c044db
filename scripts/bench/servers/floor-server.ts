// The least that a join can cost: a bare node:https server with a P-256 certificate and no session tickets.
import { constants } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

const [certificateFile = "", keyFile = ""] = process.argv.slice(2);
const options = {
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  secureOptions: constants.SSL_OP_NO_TICKET,
  ALPNProtocols: ["http/1.1"],
};
const body = Buffer.from("ok");
const server = createServer(options, (_request, response) => {
  response.writeHead(200, { "content-type": "text/plain", "content-length": body.length });
  response.end(body);
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  process.stdout.write(`ready https://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
