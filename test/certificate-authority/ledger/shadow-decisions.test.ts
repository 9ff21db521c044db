import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import {
  MAXIMUM_SHADOW_DECISIONS,
  shadowDecisionsSql,
} from "../../../services/certificate-authority/ledger/tables/shadow-decisions-table.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { decisionRecord } from "../../builders/records.ts";

const { requestUid, requestName: _, signerName, requester, decidedBy, decidedAt, ...decision } = decisionRecord();

function shadowRecord(name: string) {
  return {
    ...{ at: decidedAt, requestUid, requestName: name, signerName, requester },
    live: { outcome: "pending" as const, hook: undefined },
    shadow: decision,
  };
}

test("what was recorded is found again, the newest first, and verification leaves it alone", async () => {
  const opened = await openTestLedger();
  try {
    const { shadow, maintenance } = opened.ledger;
    for (const name of ["first", "second"]) await shadow.record(shadowRecord(name));
    expect(await shadow.latest(10)).toEqual([shadowRecord("second"), shadowRecord("first")]);
    expect(await shadow.latest(1)).toHaveLength(1);
    expect((await maintenance.verify()).problems).toEqual([]);
    expect(decidedBy).toBe("gatehouse");
  } finally {
    await opened.close();
  }
});

test("the oldest go when there are too many", async () => {
  const opened = await openTestLedger();
  try {
    await opened.ledger.shadow.record(shadowRecord("oldest"));
    const database = new Database(opened.file);
    database.exec("UPDATE shadow_decisions SET id = 7");
    database.prepare(shadowDecisionsSql.removeUpTo).run(0);
    database.exec(
      "INSERT INTO shadow_decisions SELECT " +
        `${MAXIMUM_SHADOW_DECISIONS + 6}, at_ms, request_uid, 'filler', signer_name, requester, live_outcome, live_hook, ` +
        "outcome, hook, reason, message, trace FROM shadow_decisions",
    );
    database.close();
    await opened.ledger.shadow.record(shadowRecord("newest"));
    expect((await opened.ledger.shadow.latest(10)).map((record) => record.requestName)).toEqual(["newest", "filler"]);
  } finally {
    await opened.close();
  }
});
