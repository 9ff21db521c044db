/** The shares of a certificate's lifetime between which a kubelet picks, at random, when to ask for the next one. */
export const RENEWAL_BEGINS = 0.7;
export const RENEWAL_ENDS = 0.9;

/** How long a kubelet waits for a certificate it asked for, and pauses at most before it asks for it anew. */
const WAIT_SECONDS = 15 * 60;
const LONGEST_PAUSE_SECONDS = 32 * 1.1;
/** While nobody approves, a new request comes at least this often. */
export const RETRY_SECONDS = WAIT_SECONDS + LONGEST_PAUSE_SECONDS;

const KUBELET_SIGNERS: ReadonlySet<string> = new Set([
  "kubernetes.io/kube-apiserver-client-kubelet",
  "kubernetes.io/kubelet-serving",
]);

/** Whether kubelets ask for a signer's certificates, and for the next one by themselves. */
export function isRenewedByKubelets(signerName: string): boolean {
  return KUBELET_SIGNERS.has(signerName);
}

/** From the beginning to the end of a validity. */
export interface Lifetime {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** When a renewal is to be expected. */
export interface RenewalWindow {
  readonly begins: Date;
  readonly ends: Date;
}

/**
 * When a kubelet asks for its next certificate: at notBefore + lifetime × (0.7 + 0.2·U), U being from [0, 1) and drawn
 * anew at each start. The backdate counts as lifetime.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/certificate_manager.go (nextRotationDeadline,
 * jitteryDuration, certificateWaitTimeout, rotateCerts).
 */
export function renewalWindow(lifetime: Lifetime): RenewalWindow {
  return { begins: atShare(lifetime, RENEWAL_BEGINS), ends: atShare(lifetime, RENEWAL_ENDS) };
}

function atShare({ notBefore, notAfter }: Lifetime, share: number): Date {
  const begin = notBefore.getTime();
  return new Date(begin + (notAfter.getTime() - begin) * share);
}
