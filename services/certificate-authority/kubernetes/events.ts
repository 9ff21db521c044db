import { randomBytes } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "../domain/certificate-signing-request.ts";
import { isPodRecord, placeOf } from "../domain/pod-certificate.ts";
import type { OutcomeRecords } from "../domain/ports.ts";
import type { ClusterConnection } from "./cluster-connection.ts";
import type { ClusterSettings } from "./cluster-settings.ts";
import { POD_REQUEST_API_VERSION, POD_REQUEST_KIND } from "./pod-requests.ts";

/** Where events are of objects that have no namespace. Source: kubernetes staging/src/k8s.io/client-go/tools/events. */
const DEFAULT_NAMESPACE = "default";
const pathIn = (namespace: string): string => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
const CONTROLLER = "gatehouse.dev/controller";
/** More at a time are left out: they are for people, who would not read them. */
const MAXIMUM_UNDER_WAY = 64;
/** Source: kubernetes pkg/apis/core/validation/events.go. */
const MAXIMUM_NOTE_CHARACTERS = 1024;

export interface EventsDependencies {
  readonly cluster: Pick<ClusterConnection, "send">;
  readonly wanted: ClusterSettings["events"];
  /** Which replica tells. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "debug">;
}

/** Tells people who look at a request or a Node what became of it. */
export interface Events {
  /** What was recorded of a request. Never throws: work does not wait for events, nor depend on them. */
  readonly tell: (csr: CertificateSigningRequest, records: OutcomeRecords) => void;
}

interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

function regardingOf({ metadata: { name, uid } }: CertificateSigningRequest): Regarding {
  if (!isPodRecord(name)) return { apiVersion: CSR_API_VERSION, kind: CSR_KIND, name, uid };
  // Whoever looks for events of an object does not look at the version.
  return { apiVersion: POD_REQUEST_API_VERSION, kind: POD_REQUEST_KIND, ...placeOf(name), uid };
}

interface Told {
  readonly type: "Normal" | "Warning";
  readonly action: string;
  readonly reason: string;
  readonly note: string;
}

export function createEvents({ cluster, wanted, instance, clock, logger }: EventsDependencies): Events {
  let underWay = 0;

  function send(regarding: Regarding, { type, action, reason, note }: Told): void {
    if (underWay >= MAXIMUM_UNDER_WAY) return;
    underWay += 1;
    const { namespace = DEFAULT_NAMESPACE } = regarding;
    const event = {
      ...{ apiVersion: "events.k8s.io/v1", kind: "Event", type, action, reason, regarding },
      // Names of requests are not all names of events.
      metadata: { name: `gatehouse-${randomBytes(10).toString("hex")}`, namespace },
      eventTime: clock.now().toISOString().replace("Z", "000Z"),
      ...{ reportingController: CONTROLLER, reportingInstance: instance },
      note: note.slice(0, MAXIMUM_NOTE_CHARACTERS),
    };
    const failed = (err: unknown): void => logger.debug({ err, reason }, "could not tell the cluster of an event");
    void cluster
      .send("POST", pathIn(namespace), event)
      .catch(failed)
      .finally(() => {
        underWay -= 1;
      });
  }

  return {
    tell(csr, { decision, certificate }) {
      if (wanted === "none") return;
      const request = regardingOf(csr);
      if (decision?.outcome === "denied") {
        const isFailure = csr.status.conditions?.some(({ type }) => type === "Failed") === true;
        const action = isFailure ? "Sign" : "Approve";
        send(request, { type: "Warning", action, reason: decision.reason, note: decision.message });
      }
      if (certificate === undefined || wanted !== "all") return;
      const note = `certificate ${certificate.serial}, valid until ${certificate.notAfter.toISOString()}`;
      const issued: Told = { type: "Normal", action: "Sign", reason: "CertificateIssued", note };
      send(request, issued);
      // As kubelets name their Node in events: by its name, the uid not being known.
      const { nodeName, signerName } = certificate;
      if (nodeName === undefined) return;
      send(
        { apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeName },
        { ...issued, note: `${signerName}: ${note}` },
      );
    },
  };
}
