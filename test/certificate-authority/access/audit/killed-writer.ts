import { openFileSink } from "../../../../services/certificate-authority/access/audit/file-sink.ts";

// Writes numbered events for as long as it lives; says so when some are on the disk.
const [path = ""] = process.argv.slice(2);
const settings = { maxSizeMegabytes: 0, rotateHours: 0, maxAgeDays: 0, maxBackups: 0, sync: "everyBatch" } as const;
const logger = { warn: () => undefined };
const sink = await openFileSink({ path, ...settings, clock: { now: () => new Date() }, logger });
for (let number = 0; ; number += 10) {
  await sink.write(
    Array.from({ length: 10 }, (_, index) => JSON.stringify({ number: number + index, fill: "x".repeat(500) })),
  );
  if (number === 200) process.stdout.write("enough\n");
}
