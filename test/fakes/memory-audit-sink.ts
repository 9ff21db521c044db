import type { AuditSink } from "../../services/certificate-authority/access/audit/sink.ts";

/** A sink that keeps what it is given, or fails as told. */
export class MemoryAuditSink implements AuditSink {
  readonly name = "file";
  readonly retry = { firstMilliseconds: 1, maxMilliseconds: 4 };
  readonly lines: string[] = [];
  /** Sizes of the batches, failed ones included; 0 is a probe. */
  readonly batches: number[] = [];
  /** Thrown by every write while it is set. */
  failure: Error | undefined;
  /** While it is set, a write under way waits for it. */
  hold: Promise<void> | undefined;
  isClosed = false;

  async write(lines: readonly string[]): Promise<void> {
    this.batches.push(lines.length);
    await this.hold;
    if (this.failure !== undefined) throw this.failure;
    this.lines.push(...lines);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
