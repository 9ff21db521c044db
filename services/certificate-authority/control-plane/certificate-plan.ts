import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { type ControlPlaneCertificate, KUBELET_KUBECONFIG } from "../domain/control-plane.ts";
import { exposureOf } from "./file-content.ts";
import { type Judgement, type JudgementContext, judge } from "./judgement.ts";
import { readKeyPem } from "./key-pem.ts";
import { readKubeconfigFile } from "./kubeconfig-files.ts";
import { readPair } from "./pair-files.ts";

/** What is to be done about one certificate. */
export interface CertificatePlan {
  readonly wanted: ControlPlaneCertificate;
  /** The file, of a pair without `.crt` and `.key`. */
  readonly path: string;
  /** `leave`: there is nothing, and nothing is to be made. */
  readonly action: "keep" | "make" | "renew" | "leave";
  /** A key that waits for its certificate. */
  readonly keyPem: string | undefined;
  /** Of the certificate that is kept. */
  readonly notAfter: Date | undefined;
  readonly problem: string | undefined;
  readonly notices: readonly string[];
}

export interface CertificatePlanContext extends JudgementContext {
  readonly directory: string;
  /** What kubeconfigs must trust. */
  readonly anchorPem: string;
  readonly isRenewing: boolean;
  readonly isUnattended: boolean;
  readonly isTrial: boolean;
}

const NOTHING = { keyPem: undefined, notAfter: undefined, problem: undefined, notices: [] } as const;

/** Looks at what lies where a certificate is to be, and decides. Nothing is changed, but that a renewal which was cut off is ended. */
export async function planCertificate(
  wanted: ControlPlaneCertificate,
  context: CertificatePlanContext,
): Promise<CertificatePlan> {
  const { place } = wanted;
  const plan = await (place.kind === "pair" ? planPair(wanted, place.path, context) : planKubeconfig(wanted, context));
  // What somebody took away is not put back behind their back.
  return context.isUnattended && plan.action === "make" ? { ...plan, action: "leave" } : plan;
}

async function planPair(
  wanted: ControlPlaneCertificate,
  relative: string,
  context: CertificatePlanContext,
): Promise<CertificatePlan> {
  const path = join(context.directory, relative);
  const common = { wanted, path, ...NOTHING };
  const found = await readPair(path, context.isTrial);
  switch (found.kind) {
    case "absent":
      return { ...common, action: "make" };
    case "certificateOnly":
      return refuse(
        common,
        `${path}.crt is there without ${path}.key; bring the key back, or move the certificate away`,
      );
    case "keyOnly": {
      const reading = readKeyPem(found.keyPem);
      if (reading.kind === "key") return { ...common, action: "make", keyPem: found.keyPem };
      return refuse(common, `${path}.key ${reading.problem}; move it away`);
    }
    case "whole": {
      const notices = await exposures(`${path}.key`);
      return conclude({ ...common, notices }, `${path}.crt`, judge(found.pair, wanted, context), context);
    }
    default:
      return found satisfies never;
  }
}

async function planKubeconfig(
  wanted: ControlPlaneCertificate,
  context: CertificatePlanContext,
): Promise<CertificatePlan> {
  const { place } = wanted;
  if (place.kind !== "kubeconfig") throw new TypeError(`${wanted.name} is no kubeconfig`);
  const path = join(dirname(context.directory), place.file);
  const common = { wanted, path, ...NOTHING };
  const found = await readKubeconfigFile(path);
  if (found.kind === "absent") return { ...common, action: "make" };
  if (found.kind === "unusable") return refuse(common, `${found.problem}; move ${path} away`);
  if (!trusts(found.caPem, context.anchorPem))
    return refuse(common, `${path} does not trust the CA of this control plane; move it away`);
  const other = `${path} names the server ${found.server}, not ${place.server}; it is left so`;
  const notices = [...(found.server === place.server ? [] : [other]), ...(await exposures(path))];
  if (found.isByReference && place.file === KUBELET_KUBECONFIG) return { ...common, notices, action: "keep" };
  return conclude({ ...common, notices }, path, judge(found.credentials, wanted, context), context);
}

type Undecided = Omit<CertificatePlan, "action">;

function conclude(
  plan: Undecided,
  file: string,
  judgement: Judgement,
  context: CertificatePlanContext,
): CertificatePlan {
  const { isRenewing, isUnattended } = context;
  switch (judgement.kind) {
    case "good":
      return { ...plan, action: "keep", notAfter: judgement.notAfter };
    case "due":
      // A kubelet renews its own; from the moment it runs, the file is its.
      return isRenewing && plan.wanted.name !== KUBELET_KUBECONFIG
        ? { ...plan, action: "renew" }
        : { ...plan, action: "keep", notAfter: judgement.notAfter };
    case "revoked":
      if (isUnattended) {
        const notice = `${file} is revoked, and is not renewed by itself; replace it with gatehouse pki init --renew`;
        return { ...plan, action: "keep", notices: [...plan.notices, notice] };
      }
      return replaceOutdated(plan, file, judgement.problem, isRenewing);
    case "outdated":
      return replaceOutdated(plan, file, judgement.problem, isRenewing);
    case "wrong":
      return refuse(plan, `${file} ${judgement.problem}; move it away, a new one is made in its place`);
    default:
      return judgement satisfies never;
  }
}

function replaceOutdated(plan: Undecided, file: string, problem: string, isRenewing: boolean): CertificatePlan {
  return isRenewing ? { ...plan, action: "renew" } : refuse(plan, `${file} ${problem}; replace it with --renew`);
}

function refuse(plan: Undecided, problem: string): CertificatePlan {
  return { ...plan, action: "keep", problem };
}

async function exposures(path: string): Promise<readonly string[]> {
  const exposure = await exposureOf(path);
  return exposure === undefined ? [] : [exposure];
}

/** Whether the first CA of a bundle is the anchor; kubeadm looks at no other either. */
function trusts(bundlePem: string, anchorPem: string): boolean {
  try {
    return new X509Certificate(bundlePem).raw.equals(new X509Certificate(anchorPem).raw);
  } catch {
    return false;
  }
}
