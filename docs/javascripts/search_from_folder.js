// The search of pages that are opened from a folder. The theme runs it in a worker, which browsers do not start for file:
// URLs, so that it runs in a hidden frame there.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame.contentWindow;
      const inside = this.frame.document;
      inside.open();
      inside.write("<!doctype html><body>");
      inside.close();
      this.frame.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", {data}));
      const script = inside.createElement("script");
      script.src = url;
      this.ready = new Promise((done) => script.addEventListener("load", done));
      inside.body.append(script);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.dispatchEvent(new MessageEvent("message", {data})));
    }
  };
}
