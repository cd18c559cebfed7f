/** Absolute folder of the bundles that the server embeds; filled in when the tests are built. */
declare const CLIENT_DIST: string;
/** Absolute folder of this package. */
declare const PACKAGE_ROOT: string;
declare module "ws";
