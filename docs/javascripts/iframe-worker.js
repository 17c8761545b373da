"use strict";
// Browsers start no worker for a page that is opened from a folder. The search then runs in a hidden frame, whose
// script is told apart from a worker's by the name IFrameWorker.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = Object.assign(document.createElement("iframe"), { hidden: true, title: "Search" });
      document.body.append(frame);
      const inside = frame.contentWindow;
      this.ready = new Promise((resolve) => {
        inside.document.open();
        inside.document.write("<!doctype html><html lang='en'><title>Search</title><body></body></html>");
        inside.document.close();
        inside.postMessage = (data) => {
          const event = new MessageEvent("message", { data });
          this.dispatchEvent(event);
          this.onmessage?.(event);
        };
        inside.importScripts = (...scripts) => Promise.all(scripts.map((one) => this.load(inside, one)));
        this.load(inside, address).then(() => resolve(inside));
      });
      this.terminate = () => frame.remove();
    }
    load(inside, address) {
      return new Promise((resolve, reject) => {
        const script = inside.document.createElement("script");
        Object.assign(script, { src: address, onload: resolve, onerror: reject, async: false });
        inside.document.body.append(script);
      });
    }
    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }
  };
  window.Worker = window.IFrameWorker;
}
