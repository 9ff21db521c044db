import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../../shared/logging.ts";
import { CustodyError } from "../custody-error.ts";
import { isRootSecret, type SealedFiles } from "../sealed-files.ts";
import type { KmsKey } from "./kms-key.ts";

const RETRY_MILLISECONDS = 250;
const PROGRESS_MILLISECONDS = 5000;

/**
 * Waits until every key service is well that a sealed file needs, or the first file that is yet to be sealed. The others
 * may be away: health checks tell.
 *
 * @throws {CustodyError} KeyServiceUnavailable when the time is over; KeyServiceFailed at once.
 */
export async function waitForKeyServices(files: SealedFiles, waitSeconds: number, logger: Logger): Promise<void> {
  const deadline = Date.now() + waitSeconds * 1000;
  const needed = await neededServices(files);
  await Promise.all(needed.map((service) => waitFor(service, { deadline, waitSeconds, logger })));
}

async function neededServices(files: SealedFiles): Promise<readonly KmsKey[]> {
  const { ring } = files;
  const labels = await files.labels();
  const contents = await Promise.all(labels.map((label) => files.content(label)));
  const present = contents.filter((content) => content !== undefined);
  const needed = new Set(present.map((content) => ring.keyFor(content)));
  // The root secret is written before anything else can be.
  if (!labels.some(isRootSecret)) needed.add(ring.first);
  return ring.keyServices.filter((service) => needed.has(service));
}

interface Waiting {
  readonly deadline: number;
  readonly waitSeconds: number;
  readonly logger: Logger;
}

async function waitFor(service: KmsKey, { deadline, waitSeconds, logger }: Waiting): Promise<void> {
  const fields = { kms: service.name, endpoint: service.endpoint };
  let toldAt = 0;
  for (;;) {
    const problem = await service.checkHealth().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem === undefined) return;
    if (!(problem instanceof CustodyError) || problem.code !== "KeyServiceUnavailable") throw problem;
    if (Date.now() >= deadline) {
      throw new CustodyError(
        "KeyServiceUnavailable",
        `${problem.message} (waited ${waitSeconds} s). It keeps keys that are needed to start; start the plugin, or give ` +
          "it longer with encryption.kmsWaitSeconds. Nothing was changed",
      );
    }
    if (Date.now() - toldAt >= PROGRESS_MILLISECONDS) {
      toldAt = Date.now();
      const secondsLeft = Math.ceil((deadline - toldAt) / 1000);
      logger.info({ ...fields, secondsLeft, reason: problem.message }, "waiting for the KMS plugin before starting");
    }
    await pause(RETRY_MILLISECONDS);
  }
}
