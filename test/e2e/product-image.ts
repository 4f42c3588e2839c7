/** Where the images of the tests are, for a node. */
export const REPOSITORY = { registry: 'localhost', repository: 'noisefleet' } as const;

/** Of this checkout's image: no release has it, so that a node never takes another image for it. */
export const CURRENT_TAG = 'e2e';

/** The image of this checkout as a Pod names it. */
export const PRODUCT_IMAGE = imageTagged(CURRENT_TAG);

/** As a Pod names it. */
export function imageTagged(tag: string): string {
  return `${REPOSITORY.registry}/${REPOSITORY.repository}:${tag}`;
}
