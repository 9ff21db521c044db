/** What the Node objects of a cluster say about names and addresses, in canonical text, DNS names in lower case. */
export interface NodeAddresses {
  /**
   * What a node's object has now, read from the API server; undefined when there is no such node.
   * @throws {Error} when the API server does not answer; the message is stable.
   */
  addressesOf(nodeName: string, signal?: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * Other nodes whose objects have the name or address, as far as is known.
   * @throws {Error} when the nodes are not known, or not well enough any more.
   */
  othersWith(name: string, nodeName: string): readonly string[];
  /** Whether there certainly is no such node. */
  isGone(nodeName: string): boolean;
  close(): void;
}

export interface NodeAddressesSettings {
  /** How to reach the kube-apiserver, and as whom: it must be allowed to get, list and watch nodes. */
  readonly kubeconfigFile: string;
  /** For reading one node. */
  readonly timeoutSeconds: number;
}

/**
 * @param onChange - called some time after nodes came or went, or have other addresses.
 * @throws {Error} when the kubeconfig cannot be used, naming it.
 */
export type OpenNodeAddresses = (settings: NodeAddressesSettings, onChange: () => void) => NodeAddresses;
