import { afterEach, expect, test } from "@jest/globals";
import type { IssuingJob } from "../../../services/certificate-authority/signer/issuing-jobs.ts";
import { createIssuingPool, type IssuingPool } from "../../../services/certificate-authority/signer/issuing-pool.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { buildIssuer } from "../../builders/issuer.ts";

const worker = new URL("./mortal-worker.ts", import.meta.url);
let pool: IssuingPool | undefined;

afterEach(() => pool?.close());

function decode(requestBase64: string): IssuingJob {
  return { kind: "decode", requestBase64 };
}

const echo = (message: string) => ({ kind: "decoded", decoding: { kind: "invalid", message } });

test.each([1, 2])("of %d workers one that dies fails its batch, may be retried and is replaced", async (workers) => {
  pool = createIssuingPool({ worker, workers, issuers: [buildIssuer()], logger: createLogger({ level: "silent" }) });
  for (let round = 0; round < 3; round += 1) {
    await expect(pool.run([decode("a"), decode("die"), decode("b")])).rejects.toMatchObject({
      name: "StatusError",
      reason: "ServiceUnavailable",
      details: { retryAfterSeconds: 1 },
    });
    expect(await pool.run([decode("a"), decode("b")])).toEqual([echo("a"), echo("b")]);
  }
});

test("a batch beside the dying one is answered", async () => {
  pool = createIssuingPool({ worker, workers: 2, issuers: [buildIssuer()], logger: createLogger({ level: "silent" }) });
  const [dying, living] = await Promise.allSettled([pool.run([decode("die")]), pool.run([decode("a")])]);
  expect([dying.status, living.status]).toEqual(["rejected", "fulfilled"]);
});
