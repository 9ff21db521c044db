import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileDurably } from "../../../shared/durable-file.ts";
import type { Logger } from "../../../shared/logging.ts";

/** One place that the trust bundle is kept in. */
export interface TrustBundlePublisher {
  /** For the log. */
  readonly place: string;
  /** Brings the place to this bundle, PEM; nothing is done where it is there already. */
  publish(bundlePem: string): Promise<void>;
}

export interface TrustFile {
  readonly path: string;
  /** Permissions, for example 0o644. */
  readonly mode: number;
}

/** Keeps the bundle in a file: whole at every instant, whoever reads it. */
export function filePublisher({ path, mode }: TrustFile): TrustBundlePublisher {
  return {
    place: path,
    async publish(bundlePem) {
      const found = await readFile(path, "utf8").catch(() => undefined);
      const isAsWanted = found === bundlePem && ((await stat(path)).mode & 0o777) === mode;
      if (isAsWanted) return;
      await mkdir(dirname(path), { recursive: true });
      await writeFileDurably(path, bundlePem, { mode, existing: "replaced" });
    },
  };
}

/**
 * Publishes in every place. One that fails keeps no other from it and is told once; call again to make up for it.
 *
 * @returns how many places do not have the bundle.
 */
export function createPublication(publishers: readonly TrustBundlePublisher[], logger: Logger) {
  const failures = new Map<string, string>();
  return async (bundlePem: string): Promise<number> => {
    for (const publisher of publishers) {
      const { place } = publisher;
      try {
        await publisher.publish(bundlePem);
        if (failures.delete(place)) logger.info({ place }, "the trust bundle is published again");
      } catch (error) {
        // A message may have the name of a temporary file in it.
        const { code, message } = error as NodeJS.ErrnoException;
        const reason = code ?? message;
        if (failures.get(place) !== reason) logger.error({ err: error, place }, "the trust bundle is not published");
        failures.set(place, reason);
      }
    }
    return failures.size;
  };
}
