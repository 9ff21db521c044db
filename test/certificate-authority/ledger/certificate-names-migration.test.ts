import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";

const EARLIER = MIGRATIONS.slice(
  0,
  MIGRATIONS.findIndex(({ name }) => name === "0013-certificate-names"),
);

test("the names of certificates that are on record already are found as well", () => {
  const connection = new Database(":memory:");
  connection.pragma("foreign_keys = OFF");
  migrate(connection, EARLIER, "memory", new Date(0));
  const insert = connection.prepare(
    "INSERT INTO certificates (serial, fingerprint, issuer_id, signer_name, common_name, organizations, sans, spki_sha256, " +
      "not_before_ms, not_after_ms, issued_ms, state, der, audit_sequence) " +
      "VALUES (?, ?, x'11', 's', 'c', '[]', ?, x'22', 0, 9, 0, 'issued', x'00', 1)",
  );
  const long = "x".repeat(254);
  const names = {
    dnsNames: ["Node-1", "node-1", "", long],
    emailAddresses: ["a@b"],
    ipAddresses: ["fd00::1"],
    uris: [],
  };
  insert.run(Buffer.of(1), Buffer.of(1), JSON.stringify(names));
  insert.run(
    Buffer.of(2),
    Buffer.of(2),
    JSON.stringify({ dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] }),
  );
  migrate(connection, MIGRATIONS, "memory", new Date(0));
  expect(
    connection.prepare("SELECT name, not_after_ms, certificate_id FROM certificate_names ORDER BY name").raw().all(),
  ).toEqual([
    ["fd00::1", 9, 1],
    ["node-1", 9, 1],
  ]);
  connection.close();
});
