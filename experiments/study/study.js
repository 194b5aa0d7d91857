"use strict";
// A reader's session: shows patches one by one, keeps answers in the browser, and offers
// them as a file at the end.
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  var at = function (id) { return document.getElementById(id); };
  var session = null, shown = 0;

  var slot = function (reader) { return "g2c-study-" + data.study + "-" + reader; };

  // keep and kept survive a reload where the browser lets a file do so.
  var keep = function () {
    try { localStorage.setItem(slot(session.reader), JSON.stringify(session)); } catch (e) { /* the file at the end is enough */ }
  };
  var kept = function (reader) {
    try {
      var found = JSON.parse(localStorage.getItem(slot(reader)));
      if (found && found.study === data.study && found.reader === reader && Array.isArray(found.answers)) { return found; }
    } catch (e) { /* nothing was kept */ }
    return null;
  };

  var show = function () {
    var next = session.answers.length;
    at("begin").hidden = true;
    at("judge").hidden = next >= data.images.length;
    at("end").hidden = next < data.images.length;
    if (next >= data.images.length) {
      at("save").href = "data:application/json;charset=utf-8," + encodeURIComponent(JSON.stringify(session, null, 1) + "\n");
      at("save").download = "answers-" + data.study + "-" + session.reader.replace(/[^A-Za-z0-9_-]+/g, "_") + ".json";
      return;
    }
    at("place").textContent = (next + 1) + " of " + data.images.length;
    at("patch").src = data.images[next];
    shown = performance.now();
  };

  var answer = function (real) {
    if (session === null || session.answers.length >= data.images.length) { return; }
    session.answers.push({ patch: session.answers.length + 1, real: real, seconds: Math.round(performance.now() - shown) / 1000 });
    keep();
    show();
  };

  at("start").addEventListener("click", function () {
    var reader = at("reader").value.trim();
    if (reader === "") { at("reader").focus(); return; }
    session = kept(reader) || { format: data.format, study: data.study, reader: reader, answers: [] };
    show();
  });
  at("real").addEventListener("click", function () { answer(true); });
  at("generated").addEventListener("click", function () { answer(false); });
  document.addEventListener("keydown", function (event) {
    if (session === null || event.repeat || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "r" || event.key === "R") { answer(true); }
    if (event.key === "g" || event.key === "G") { answer(false); }
  });
  try { at("again").hidden = !Object.keys(localStorage).some(function (k) { return k.indexOf("g2c-study-" + data.study) === 0; }); } catch (e) { /* no storage */ }
})();
