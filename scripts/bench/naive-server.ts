// What one would write first: Express, @peculiar/x509 over @peculiar/webcrypto, one transaction for each row, everything
// on one thread. As durable as the others, and not slowed down on purpose.
import { createPrivateKey, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Crypto } from "@peculiar/webcrypto";
import Database from "better-sqlite3";
import express from "express";
import { createNaiveIssuer } from "./naive-issuing.ts";

const [databaseFile = "", caFile = "", caKeyFile = "", certificateFile = "", keyFile = ""] = process.argv.slice(2);
const provider = new Crypto() as typeof globalThis.crypto;
const issue = await createNaiveIssuer(
  provider,
  readFileSync(caFile, "utf8"),
  createPrivateKey(readFileSync(caKeyFile)),
);

const database = new Database(databaseFile);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(`CREATE TABLE requests (id TEXT PRIMARY KEY, csr TEXT NOT NULL);
  CREATE TABLE certificates (serial TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, pem TEXT NOT NULL);`);
const insertRequest = database.prepare("INSERT INTO requests (id, csr) VALUES (?, ?)");
const insertCertificate = database.prepare("INSERT INTO certificates (serial, request_id, pem) VALUES (?, ?, ?)");
const find = database.prepare<[string], { pem: string }>("SELECT pem FROM certificates WHERE request_id = ?");

const app = express();
app.use(express.json());
app.post("/requests", async (request, response) => {
  const { csr } = request.body as { csr: string };
  const id = randomUUID();
  insertRequest.run(id, csr);
  const certificate = await issue(csr);
  if (certificate === undefined) {
    response.status(422).json({ message: "the request's signature does not verify" });
    return;
  }
  insertCertificate.run(certificate.serialNumber, id, certificate.toString("pem"));
  response.status(201).json({ id });
});
app.get("/requests/:id", (request, response) => {
  const row = find.get(request.params.id);
  if (row === undefined) response.status(404).json({ message: "not found" });
  else response.json({ certificate: row.pem });
});

const server = createServer({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) }, app);
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  process.stdout.write(`ready https://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on("SIGTERM", () => process.exit(0));
