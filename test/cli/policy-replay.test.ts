import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { RecordedReview } from "../../services/certificate-authority/domain/recorded-request.ts";
import { replayPolicy } from "../../services/certificate-authority/main.ts";
import { decisionRecord } from "../builders/records.ts";
import { document } from "../builders/review-document.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
const workingDirectory = temporaryDirectory();
const CONFIGURATION = {
  apiVersion: "gatehouse.dev/v1",
  kind: "GatehouseConfiguration",
  approval: {
    hooks: [
      { policy: { rules: [{ name: "short", deny: "request.expirationSeconds > 86400", message: "too long" }] } },
      { manual: {} },
      { "kubelet-client": {} },
    ],
  },
};

beforeAll(async () => {
  server = await startAdminServer();
  writeFileSync(join(workingDirectory, "new.yaml"), JSON.stringify(CONFIGURATION));
});
afterAll(() => server.close());
beforeEach(() => {
  server.recorded.items.length = 0;
  server.recorded.queries.length = 0;
});

const replay = (...args: string[]) =>
  server.command(["policy", "replay", "--config", "new.yaml", ...args], {
    workingDirectory,
    certificateAuthority: { replayPolicy },
  });

function recorded(name: string, expirationSeconds: number): RecordedReview {
  const request = { name, uid: `uid-${name}`, signerName: "s", requester: "r" };
  return {
    request,
    document: document({ request: { expirationSeconds } }),
    decision: decisionRecord(),
    settlement: undefined,
  };
}

test("without a change there is nothing to show", async () => {
  server.recorded.items.push(recorded("a", 3600));
  expect(await replay("--since", "1h")).toEqual({
    code: 0,
    stderr: "",
    stdout:
      "1 requests decided since 2026-01-02T02:04:05.000Z: 1 unchanged, 0 changed, 0 undetermined\n" +
      "taken to say what they said then: manual, kubelet-client\n",
  });
  expect(server.recorded.queries).toMatchObject([{ since: new Date("2026-01-02T02:04:05Z"), limit: 200 }]);
});

test("what would change is shown by direction, cause and example, over all pages", async () => {
  server.recorded.pageSize = 2;
  for (let index = 0; index < 7; index += 1)
    server.recorded.items.push(recorded(`r-${index}`, index === 3 ? 60 : 90_000));
  const { code, stdout } = await replay("--examples", "1");
  server.recorded.pageSize = Number.POSITIVE_INFINITY;
  expect(code).toBe(0);
  expect(stdout.split("\n").slice(2)).toEqual([
    "",
    expect.stringMatching(/^approved → denied: 6 \(policy \S+ 6\)$/),
    expect.stringMatching(/^ {2}REQUEST +NODE +DECIDED +WAS +WOULD BE +MESSAGE$/),
    expect.stringMatching(
      /^ {2}r-0 {7}worker-1 {3}2026-01-01T00:01:00 {3}kubelet-client AutoApproved {3}policy \S+ {3}too long$/,
    ),
    "",
  ]);
  expect(server.recorded.queries).toHaveLength(4);
});

test("programs get the whole report, and may want an exit code for changes", async () => {
  server.recorded.items.push(recorded("a", 90_000));
  const { code, stdout, stderr } = await replay("-o", "json", "--exit-code");
  expect([code, stderr]).toEqual([3, "error: 1 outcomes would change and 0 are undetermined\n"]);
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "PolicyReplay",
    recorded: 1,
    changed: 1,
    changes: [{ from: "approved" }],
  });
  server.recorded.items.length = 0;
  expect((await replay("--exit-code")).code).toBe(0);
});

test.each([
  { name: "no configuration", args: ["policy", "replay"], code: 2, says: "--config" },
  { name: "no duration", args: ["policy", "replay", "--config", "a", "--since", "soon"], code: 2, says: "90s" },
  {
    name: "too many examples",
    args: ["policy", "replay", "--config", "a", "--examples", "1001"],
    code: 2,
    says: "1000",
  },
  {
    name: "a ledger that is not there",
    args: ["policy", "replay", "--config", "new.yaml", "--database", "x.db"],
    code: 1,
    says: "x.db does not exist",
  },
  {
    name: "a file that is no ledger",
    args: ["policy", "replay", "--config", "new.yaml", "--database", "new.yaml"],
    code: 1,
    says: "is not a Gatehouse ledger",
  },
  {
    name: "a configuration that is not there",
    args: ["policy", "replay", "--config", "none.yaml"],
    code: 1,
    says: "none.yaml",
  },
])("$name is told with the way out", async ({ args, code, says }) => {
  const outcome = await server.command(args, { workingDirectory, certificateAuthority: { replayPolicy } });
  expect(outcome).toMatchObject({ code, stderr: expect.stringContaining(says) });
  expect(outcome.stderr).not.toContain("defect");
});
