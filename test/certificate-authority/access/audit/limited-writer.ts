import { openFileSink } from "../../../../services/certificate-authority/access/audit/file-sink.ts";

// Writes batches of 2, 3 and 1 KiB and says what became of each.
const [path = ""] = process.argv.slice(2);
const settings = { maxSizeMegabytes: 0, rotateHours: 0, maxAgeDays: 0, maxBackups: 0, sync: "everyBatch" } as const;
const logger = { warn: () => undefined };
const sink = await openFileSink({ path, ...settings, clock: { now: () => new Date() }, logger });
for (const [letter, kibibytes] of [
  ["a", 2],
  ["b", 3],
  ["c", 1],
] as const) {
  const lines = Array.from({ length: kibibytes }, () => letter.repeat(1023));
  const outcome = await sink.write(lines).then(
    () => "kept",
    (error: NodeJS.ErrnoException) => error.code,
  );
  process.stdout.write(`${outcome} `);
}
await sink.close();
