import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Logger } from "../../../shared/logging.ts";
import type { TokenAnswer, TokenOperation } from "./messages.ts";
import { TokenFailure } from "./token-failure.ts";

const RESTART_MILLISECONDS = 500;
const MAXIMUM_BATCH = 32;
/** Operations that may wait for a device; one more is refused. */
const MAXIMUM_WAITING = 4096;

const TOKEN_WORKER = new URL(`./token-worker${extname(import.meta.filename)}`, import.meta.url);

interface Asked {
  readonly operation: TokenOperation;
  readonly timeoutMilliseconds: number;
  readonly resolve: (answer: TokenAnswer) => void;
  readonly reject: (failure: TokenFailure) => void;
}

/**
 * The thread that calls one module. Operations are done one after the other, those that collected meanwhile in one
 * message. A call that takes too long fails for those who wait; the thread is free again when the module returns.
 */
export class TokenThread {
  readonly #modulePath: string;
  readonly #workerFile: URL;
  readonly #logger: Logger;
  readonly #waiting: Asked[] = [];
  #worker: Worker;
  #batch: readonly Asked[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStuck = false;
  #isClosed = false;

  /** @param workerFile - what runs as the thread: what `token-worker.ts` is. */
  constructor(modulePath: string, logger: Logger, workerFile = TOKEN_WORKER) {
    this.#modulePath = modulePath;
    this.#logger = logger;
    this.#workerFile = workerFile;
    this.#worker = this.#start();
  }

  /**
   * @returns the answer, when it is not that the operation failed.
   * @throws {TokenFailure} lost also when there is no answer in time.
   */
  async ask(operation: TokenOperation, timeoutMilliseconds: number): Promise<TokenAnswer> {
    if (this.#isStuck) throw new TokenFailure("lost", "the module has not returned from an earlier call");
    if (this.#waiting.length >= MAXIMUM_WAITING)
      throw new TokenFailure("lost", "too many operations wait for the token");
    const answer = await new Promise<TokenAnswer>((resolve, reject) => {
      this.#waiting.push({ operation, timeoutMilliseconds, resolve, reject });
      this.#send();
    });
    if (answer.kind === "failed") throw new TokenFailure(answer.failure, answer.message);
    return answer;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#workerFile, { workerData: { modulePath: this.#modulePath } });
    worker.on("message", (answers: readonly TokenAnswer[]) => this.#finish(answers));
    worker.on("error", (error) =>
      this.#logger.error({ err: error, module: this.#modulePath }, "the thread of a PKCS #11 module failed"),
    );
    worker.once("exit", () => {
      if (this.#isClosed) return;
      this.#abandon("the module's thread ended");
      setTimeout(() => this.#restart(), RESTART_MILLISECONDS).unref();
    });
    return worker;
  }

  #restart(): void {
    if (this.#isClosed) return;
    this.#batch = undefined;
    this.#isStuck = false;
    this.#worker = this.#start();
    this.#send();
  }

  #send(): void {
    if (this.#batch !== undefined || this.#waiting.length === 0) return;
    this.#batch = this.#waiting.splice(0, MAXIMUM_BATCH);
    const limit = Math.max(...this.#batch.map(({ timeoutMilliseconds }) => timeoutMilliseconds));
    this.#timer = setTimeout(() => this.#abandon(`the module did not answer within ${limit / 1000} s`), limit);
    this.#worker.postMessage(this.#batch.map(({ operation }) => operation));
  }

  #finish(answers: readonly TokenAnswer[]): void {
    clearTimeout(this.#timer);
    const [batch, wasStuck] = [this.#batch ?? [], this.#isStuck];
    this.#batch = undefined;
    this.#isStuck = false;
    if (!wasStuck) for (const [index, { resolve }] of batch.entries()) resolve(answers[index] ?? UNANSWERED);
    this.#send();
  }

  /** Nobody waits any longer; what the module may still answer has no receiver. */
  #abandon(reason: string): void {
    clearTimeout(this.#timer);
    const failure = new TokenFailure("lost", reason);
    for (const { reject } of [...(this.#isStuck ? [] : (this.#batch ?? [])), ...this.#waiting.splice(0)])
      reject(failure);
    this.#isStuck = true;
  }
}

const UNANSWERED: TokenAnswer = { kind: "failed", failure: "lost", message: "an operation was not answered" };
