import type { Status } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { AccessDecision } from "../../domain/authorization.ts";
import { type BodyText, bodyText, type CapturedBody } from "./body.ts";
import { type EventProgress, eventHead, eventLine, type RequestFacts } from "./event.ts";
import type { MicroClock } from "./micro-time.ts";
import type { AuditDecision, AuditLevel, AuditStage } from "./policy.ts";

/** Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/audit/truncate/truncate.go. */
const TRUNCATED_ANNOTATION = "audit.k8s.io/truncated";
const DECISION_ANNOTATION = "authorization.k8s.io/decision";
const REASON_ANNOTATION = "authorization.k8s.io/reason";
const FAILURE_ANNOTATION = "gatehouse.dev/failure";
const MAX_ANNOTATION = 1024;

/** The one kind whose whole body is secret; of other bodies single members are blotted out. */
const SECRET_RESOURCE = "secrets";

export interface RecordDependencies {
  readonly clock: MicroClock;
  readonly emit: (line: string) => void;
  /** A stage that is told even where the policy omits it. */
  readonly alwaysTold: AuditStage | undefined;
}

/** The events of one request, from when it came in to when its answer ended. */
export class AuditRecord {
  readonly level: AuditLevel;
  readonly #deps: RecordDependencies;
  readonly #omitStages: ReadonlySet<AuditStage>;
  readonly #facts: RequestFacts;
  readonly #head: string;
  readonly #receivedTimestamp: string;
  #objectName = "";
  #impersonatedUser: UserInfo | undefined;
  #annotations: Record<string, string> | undefined;
  #status: Status | undefined;
  #lastStage: AuditStage = "ResponseComplete";
  #requestBody: CapturedBody | undefined;
  #responseBody: CapturedBody | undefined;

  constructor(deps: RecordDependencies, decision: AuditDecision, facts: RequestFacts, receivedAt: number) {
    this.#deps = deps;
    const isSecret = facts.request.resource === SECRET_RESOURCE && decision.level !== "None";
    this.level = isSecret ? "Metadata" : decision.level;
    this.#omitStages = decision.omitStages;
    this.#facts = facts;
    this.#head = eventHead(facts);
    this.#receivedTimestamp = deps.clock.format(receivedAt);
  }

  get wantsRequestBody(): boolean {
    return this.level === "Request" || this.level === "RequestResponse";
  }

  get wantsResponseBody(): boolean {
    return this.level === "RequestResponse";
  }

  received(): void {
    this.#emit("RequestReceived", undefined);
  }

  /** Nobody was authenticated: one event tells it all, at the stage at which kube-apiserver tells it. */
  unauthenticated(): void {
    this.#lastStage = "ResponseStarted";
  }

  actsAs(user: UserInfo): void {
    this.#impersonatedUser = user;
  }

  authorized({ allowed, reason }: AccessDecision): void {
    this.#annotate(DECISION_ANNOTATION, allowed ? "allow" : "forbid");
    this.#annotate(REASON_ANNOTATION, reason);
  }

  /** @param name - of the object, when the URL does not tell it. */
  named(name: string): void {
    this.#objectName = name;
  }

  requestBody(body: CapturedBody): void {
    this.#requestBody = body;
  }

  responseBody(body: CapturedBody): void {
    this.#responseBody = body;
  }

  /** @param cause - why, as the caller is not told. */
  failed(status: Status, cause?: string): void {
    this.#status = status;
    if (cause) this.#annotate(FAILURE_ANNOTATION, cause);
  }

  /** The handler broke down: its last event says so instead of telling a completed answer. */
  panicked(status: Status, cause: string): void {
    this.failed(status, cause);
    this.#lastStage = "Panic";
  }

  /** The head of an answer that goes on, such as a watch's, has gone out. */
  responseStarted(code: number): void {
    this.#emit("ResponseStarted", { code });
  }

  /** @param code - undefined when the connection ended before there was an answer. */
  completed(code: number | undefined): void {
    const early = { status: "Success", message: "Connection closed early", code: 200 } as const;
    this.#emit(this.#lastStage, code === undefined ? early : (this.#status ?? { code }));
  }

  #annotate(name: string, value: string): void {
    this.#annotations ??= {};
    this.#annotations[name] = value.length > MAX_ANNOTATION ? `${value.slice(0, MAX_ANNOTATION)}…` : value;
  }

  #emit(stage: AuditStage, responseStatus: Partial<Status> | undefined): void {
    const { clock, emit, alwaysTold } = this.#deps;
    if (this.#omitStages.has(stage) && stage !== alwaysTold) return;
    const isFirst = stage === "RequestReceived";
    const [requestObject, responseObject] = isFirst ? [] : [this.#bodyOf("request"), this.#bodyOf("response")];
    const progress: EventProgress = {
      stage,
      impersonatedUser: this.#impersonatedUser,
      objectName: this.#objectName,
      responseStatus,
      requestObject,
      responseObject,
      receivedTimestamp: this.#receivedTimestamp,
      stageTimestamp: isFirst ? this.#receivedTimestamp : clock.format(clock.now()),
      annotations: this.#annotations,
    };
    emit(eventLine(this.level, this.#head, this.#facts, progress));
  }

  #bodyOf(direction: "request" | "response"): string | undefined {
    const captured = direction === "request" ? this.#requestBody : this.#responseBody;
    if (captured === undefined) return undefined;
    const body: BodyText = bodyText(captured);
    if (body.kind === "truncated") this.#annotate(TRUNCATED_ANNOTATION, "true");
    return body.kind === "json" ? body.text : undefined;
  }
}
